def output_size(size, kernel, padding, stride):
    return (size + 2 * padding - kernel) // stride + 1


def wrong_output_size(size, kernel, padding, stride):
    return (size + 2 * padding - kernel + 1) // stride  # right for stride 1


def vertical_edge():
    return torch.tensor([[-1.0, 0.0, 1.0]] * 3)


def wrong_vertical_edge():
    return torch.tensor([[1.0, 0.0, -1.0]] * 3)  # PyTorch does not turn the kernel round


def corr2d(x, kernel):
    h, w = kernel.shape
    out = torch.zeros(x.shape[0] - h + 1, x.shape[1] - w + 1)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = (x[row : row + h, column : column + w] * kernel).sum()
    return out


def wrong_corr2d(x, kernel):
    return corr2d(x, kernel.flip(0, 1))  # the convolution of mathematics


def predict(model, pixels):
    x = (pixels.reshape(1, 1, 28, 28) / 255 - 0.1307) / 0.3081
    model.eval()
    with torch.inference_mode():
        probability, digit = model(x).softmax(dim=1).max(dim=1)
    return digit.item(), probability.item()


def wrong_predict(model, pixels):
    x = pixels.reshape(1, 1, 28, 28) / 255  # not normalized
    model.eval()
    with torch.inference_mode():
        probability, digit = model(x).softmax(dim=1).max(dim=1)
    return digit.item(), probability.item()


def for_other_classes(model, classes):
    model.conv1.requires_grad_(False)
    model.conv2.requires_grad_(False)
    model.linear3 = nn.Linear(64, classes)
    return torch.optim.SGD(model.parameters(), lr=0.1)


def wrong_for_other_classes(model, classes):
    model.conv1.requires_grad_(False)
    model.conv2.requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # before the new layer is there: it learns nothing
    model.linear3 = nn.Linear(64, classes)
    return optimizer
