"""Accuracy and speed of finding personal data, on a corpus that is made here."""
