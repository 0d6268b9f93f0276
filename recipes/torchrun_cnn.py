"""MNIST in several processes 多进程数据并行: each has the network and its share of the images; a GPU each, or the CPU.

    torchrun --nproc-per-node 2 recipes/torchrun_cnn.py --save cnn.pt
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 recipes/torchrun_cnn.py

The second command is for two machines with eight GPUs each, and is typed on both; HOST is the name of one of them.
torchrun starts the processes and numbers them; if one fails, it ends the others and reports it. In backward()
DistributedDataParallel averages the gradients of all, so that all networks stay the same. set_epoch() brings another
order in each epoch, all_reduce() adds up the figures of all processes, and process 0 prints and saves. Test accuracy
after 3 epochs, mean of seeds 0 to 2: one process 98.70 %, two 98.74 %. (torch 2.14.1, CPU; not tried on GPUs)

每个进程都有完整的网络，但只处理一部分图片；反向传播时各进程的梯度取平均，所以各进程的权重始终相同。
set_epoch() 让每一轮的打乱顺序都不同；all_reduce() 把各进程的结果相加。只有 0 号进程打印结果、保存权重。
"""

import argparse
import os
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Subset
from torch.utils.data.distributed import DistributedSampler
from torchvision import datasets, transforms


class CNN(nn.Module):
    """N×1×28×28 images → N×10 logits."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=5)
        self.pooling = nn.MaxPool2d(2)
        self.linear1 = nn.Linear(512, 128)  # 32 channels of 4×4 pixels: 32·4·4 = 512
        self.linear2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.relu(self.pooling(self.conv1(x)))  # N×16×12×12
        x = F.relu(self.pooling(self.conv2(x)))  # N×32×4×4
        x = x.flatten(1)  # N×512
        x = F.relu(self.linear1(x))  # N×128
        return self.linear2(x)  # N×10


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3, help="passes over the data (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (%(default)s)")
    parser.add_argument("--save", metavar="FILE", help="write the weights after the training")
    args = parser.parse_args()
    if not dist.is_torchelastic_launched() or args.epochs < 1 or not 0 <= args.seed < 2**32:
        sys.exit("start it with torchrun --nproc-per-node 2 recipes/torchrun_cnn.py; 1 epoch or more, seed 0 or more")

    rank = int(os.environ["RANK"])  # the number of this process among all
    local_rank = int(os.environ["LOCAL_RANK"])  # and among those of its machine
    processes = int(os.environ["WORLD_SIZE"])
    torch.manual_seed(args.seed)

    if local_rank == 0:  # one process of each machine looks for the files, and downloads them if they are not there
        try:
            datasets.MNIST("data", train=True, download=True)
            datasets.MNIST("data", train=False)
            if args.save and rank == 0:
                open(args.save, "ab").close()  # better known now than after the training
        except (AssertionError, OSError, RuntimeError, ValueError) as error:
            words = [type(error).__name__, *str(error).split()]  # torchvision has messages of many lines
            sys.exit(f"data/MNIST cannot be read, or --save not written: {' '.join(words)}")
    if torch.cuda.device_count() >= int(os.environ["LOCAL_WORLD_SIZE"]):  # a GPU for each process of this machine
        device = torch.device("cuda", local_rank)
        torch.cuda.set_device(device)
        dist.init_process_group("nccl", device_id=device)
    else:
        device = torch.device("cpu")
        dist.init_process_group("gloo")
    dist.barrier()  # each process waits here for the others: now the files are there

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train_set = datasets.MNIST("data", train=True, transform=transform)
    test_set = datasets.MNIST("data", train=False, transform=transform)
    sampler = DistributedSampler(train_set, seed=args.seed)  # another share for each process, in random order
    train_loader = DataLoader(train_set, batch_size=max(1, 64 // processes), sampler=sampler)
    share = range(rank, len(test_set), processes)  # DistributedSampler would count some twice, to make equal shares
    test_loader = DataLoader(Subset(test_set, share), batch_size=250)

    model = CNN().to(device)
    parallel_model = DistributedDataParallel(model)  # has the same weights; averages the gradients
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)

    for epoch in range(1, args.epochs + 1):
        sampler.set_epoch(epoch)  # without it the order is the same in each epoch
        model.train()
        losses = []
        for images, target in train_loader:
            images = images.to(device)
            target = target.to(device)
            logits = parallel_model(images)
            loss = loss_fn(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

        model.eval()
        correct = 0
        with torch.inference_mode():
            for images, target in test_loader:
                images = images.to(device)
                target = target.to(device)
                predicted = model(images).argmax(dim=1)
                correct += (predicted == target).sum().item()
        figures = torch.tensor([sum(losses), len(losses), correct], device=device)
        dist.all_reduce(figures)  # now they are the sums over all processes
        loss = figures[0] / figures[1]
        test_accuracy = 100 * figures[2] / len(test_set)
        if rank == 0:
            print(f"epoch {epoch:2}/{args.epochs}  loss {loss:.4f}  test accuracy {test_accuracy:.2f} %", flush=True)

    if rank == 0 and args.save:
        torch.save(model.state_dict(), args.save)  # in that of parallel_model each name begins with "module."
    del parallel_model  # first: else a process may abort at its end
    dist.destroy_process_group()
