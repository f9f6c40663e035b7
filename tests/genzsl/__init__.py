"""Tests of `zslnb.genzsl`; a package, so that its modules may be named like others'."""
