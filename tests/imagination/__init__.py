"""Tests of `zslnb.imagination`; a package, so that its modules may be named like others'."""
