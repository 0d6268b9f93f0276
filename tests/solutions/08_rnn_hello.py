def states(numbers, u):
    h, out = 0.0, []
    for x in numbers:
        h = math.tanh(x + u * h)
        out.append(h)
    return out


def wrong_states(numbers, u):
    return [math.tanh(x * u**step) for step, x in enumerate(numbers)]


def rnn(sequence, weight_ih, weight_hh, bias_ih, bias_hh):
    hidden = torch.zeros(sequence.shape[1], len(weight_hh))
    out = []
    for x in sequence:
        hidden = torch.tanh(x @ weight_ih.T + bias_ih + hidden @ weight_hh.T + bias_hh)
        out.append(hidden)
    return torch.stack(out), hidden


def wrong_rnn(sequence, weight_ih, weight_hh, bias_ih, bias_hh):
    hidden = torch.zeros(sequence.shape[1], len(weight_hh))
    out = []
    for x in sequence:
        hidden = torch.tanh(x @ weight_ih.T + bias_ih + hidden @ weight_hh + bias_hh)  # H×H fits either way
        out.append(hidden)
    return torch.stack(out), hidden


def gru_step(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh):
    a1, a2, a3 = (x @ weight_ih.T + bias_ih).chunk(3, dim=1)
    b1, b2, b3 = (hidden @ weight_hh.T + bias_hh).chunk(3, dim=1)
    reset, update = torch.sigmoid(a1 + b1), torch.sigmoid(a2 + b2)
    new = torch.tanh(a3 + reset * b3)
    return (1 - update) * new + update * hidden


def wrong_gru_step(x, hidden, weight_ih, weight_hh, bias_ih, bias_hh):
    a1, a2, a3 = (x @ weight_ih.T + bias_ih).chunk(3, dim=1)
    b1, b2, b3 = (hidden @ weight_hh.T + bias_hh).chunk(3, dim=1)
    reset, update = torch.sigmoid(a1 + b1), torch.sigmoid(a2 + b2)
    new = torch.tanh(a3 + reset * b3)
    return update * new + (1 - update) * hidden  # the gate the other way round


class Speller(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(input_size=4, hidden_size=8)
        self.linear = nn.Linear(8, 4)

    def forward(self, letters):
        hidden = torch.zeros(1, 8)
        outputs = []
        for x in F.one_hot(letters, 4).float():
            hidden = self.cell(x.unsqueeze(0), hidden)
            outputs.append(self.linear(hidden))
        return torch.cat(outputs)


class wrong_Speller(Speller):
    def __init__(self):
        super().__init__()
        self.places = nn.Parameter(torch.zeros(5, 4))  # it learns the answers by their places, without a memory

    def forward(self, letters):
        hidden = self.cell(F.one_hot(letters, 4).float(), torch.zeros(5, 8))
        return self.linear(hidden) + self.places
