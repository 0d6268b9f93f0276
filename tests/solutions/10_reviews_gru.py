def pairs(sentence):
    words = tokenize(sentence)
    return words + [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]


def wrong_pairs(sentence):
    words = tokenize(sentence)
    return [f"{first} {second}" for first, second in zip(words, words[1:], strict=False)]  # without the words


def mean_of_words(x, lengths):
    mask = torch.arange(x.shape[1]) < lengths.unsqueeze(1)  # N×L
    return (x * mask.unsqueeze(2)).sum(dim=1) / lengths.unsqueeze(1)


def wrong_mean_of_words(x, lengths):
    mask = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
    return (x * mask.unsqueeze(2)).mean(dim=1)  # divided by L, not by the length


def word_dropout(x, p, training):
    if not training:
        return x
    kept = torch.rand(x.shape[0], x.shape[1], 1) >= p
    return x * kept / (1 - p)


def wrong_word_dropout(x, p, training):
    if not training:
        return x * (1 - p)  # scaled at test time instead
    return x * (torch.rand(x.shape[0], x.shape[1], 1) >= p)


def naive_bayes(sentences, labels, words=tokenize):
    counts = [Counter(), Counter()]
    for sentence, label in zip(sentences, labels, strict=True):
        counts[label].update(words(sentence))
    different = counts[0] | counts[1]
    smoothed = [{word: count[word] + 1 for word in different} for count in counts]
    negative, positive = [torch.tensor(list(count.values())).float() for count in smoothed]
    odds = (positive / positive.sum()).log() - (negative / negative.sum()).log()
    return dict(zip(different, odds.tolist(), strict=True))


def wrong_naive_bayes(sentences, labels, words=tokenize):
    counts = [Counter(), Counter()]
    for sentence, label in zip(sentences, labels, strict=True):
        counts[label].update(words(sentence))
    different = counts[0] | counts[1]
    odds = [(counts[1][word] + 1) / (counts[0][word] + 1) for word in different]  # without A and B
    return dict(zip(different, torch.tensor(odds).log().tolist(), strict=True))
