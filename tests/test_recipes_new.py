"""resnet_blocks and transformer_poems: what a block computes, what attention may see, and both pasted as a whole."""

import importlib
import re
import runpy

import pytest
import torch
from conftest import ROOT
from torch import nn

BLOCKS = ROOT / "recipes/resnet_blocks.py"
POEMS = ROOT / "recipes/transformer_poems.py"


@pytest.mark.parametrize(("path", "old", "new"), [(BLOCKS, "SEEDS", "[0]"), (POEMS, "WIDTH", "64")])
def test_pasted_into_a_notebook(small_data, monkeypatch, capsys, path, old, new):
    monkeypatch.chdir(small_data.parent)
    monkeypatch.setattr("sys.argv", [str(path), "--epochs"])
    with pytest.raises(SystemExit, match=r"^this .* takes no options: change the capital names at its top$"):
        runpy.run_path(str(path), run_name="__main__")
    code = path.read_text(encoding="utf-8")
    for setting, value in [("EPOCHS", "1"), (old, new)]:
        code, count = re.subn(rf"^{setting} = .*", f"{setting} = {value}", code, flags=re.MULTILINE)
        assert count == 1
    monkeypatch.setattr("sys.argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    exec(code, {"__name__": "__main__"})
    printed = capsys.readouterr().out
    if path == POEMS:
        assert 100 < float(re.search(r"test perplexity (\S+)", printed)[1]) < 1000
        assert re.search(r"\n\d+ of 100 poems have the right form", printed)
    else:
        rows = re.findall(r"(\w+)Block +gradient (\S+) .* (\S+) \n", printed)
        assert [name for name, gradient, accuracy in rows if float(gradient) > 0.1] == ["Residual", "Preactivation"]
        assert min(float(accuracy) for name, gradient, accuracy in rows) > 30


def test_blocks_in_the_network_of_07():
    recipe, script = runpy.run_path(str(BLOCKS)), importlib.import_module("07_resnet")
    torch.manual_seed(0)
    model = script.ResNet(script.PreactivationBlock, 2)
    torch.manual_seed(0)
    assert torch.equal(recipe["resnet"](recipe["PreactivationBlock"], 2)(x := torch.ones(3, 1, 28, 28)), model(x))
    x = torch.randn(2, 8, 5, 6)
    for block, alone in zip(recipe["BLOCKS"], [x.relu(), x.relu() / 2, 0 * x, x, 0 * x], strict=True):
        layers = block(8)
        for parameter in layers.parameters():
            nn.init.zeros_(parameter)
        assert torch.equal(layers(x), alone)  # what comes over the shortcut
        for layer in [layer for name, layer in layers.named_children() if name in ("shortcut", "transition")]:
            nn.init.dirac_(layer.weight)  # passes its first channels on, which are those of x
            assert torch.equal(layers(x), x.relu())


def test_attention_sees_what_came_before_and_nothing_else():
    recipe = runpy.run_path(str(POEMS))
    block, x = recipe["Block"](), torch.randn(2, 9, recipe["WIDTH"])
    pytorch = nn.MultiheadAttention(recipe["WIDTH"], recipe["HEADS"], batch_first=True)
    pytorch.in_proj_weight.data = torch.cat([block.query.weight, block.key.weight, block.value.weight])
    pytorch.in_proj_bias.data = torch.cat([block.query.bias, block.key.bias, block.value.bias])
    pytorch.out_proj.load_state_dict(block.linear.state_dict())
    mask = nn.Transformer.generate_square_subsequent_mask(9)
    torch.testing.assert_close(block.attention(x), pytorch(x, x, x, attn_mask=mask)[0], rtol=1e-4, atol=1e-5)
    model = recipe["Transformer"](50).eval()
    nn.init.normal_(model.position)
    first, changed, swapped = model(torch.tensor([[1, 5, 6, 7, 8], [1, 5, 6, 9, 8], [1, 6, 5, 7, 8]])).transpose(1, 2)
    torch.testing.assert_close(first[:3], changed[:3])
    assert (first[3:] - changed[3:]).abs().amax(dim=1).min() > 1e-3
    assert (first[3:] - swapped[3:]).abs().amax(dim=1).min() > 1e-3  # the order counts
