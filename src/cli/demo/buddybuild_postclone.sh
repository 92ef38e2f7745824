#!/usr/bin/env bash
echo "export GREETING='set by the post-clone script'" >> "$HOME/.bashrc"
