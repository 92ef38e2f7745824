#!/usr/bin/env bash
echo "GREETING was $GREETING"
