"""Models that find names and places in sentences; each is a Presidio ``EntityRecognizer``.

All of them also read many texts at once: ``find(texts)`` gives the findings in each, and what stands beside
a text in the batch changes nothing in them.
"""
