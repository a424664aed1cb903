"""The pipeline, its runners, its records and the command line."""

import os

# Before anything imports ml-metadata: its native code writes user names and SQL to the standard error.
os.environ.setdefault("GLOG_minloglevel", "3")
