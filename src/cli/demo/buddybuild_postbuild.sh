#!/usr/bin/env bash
set -e
cp out/greeting.sh "$BUDDYBUILD_PRODUCT_DIR/greeting-$BUDDYBUILD_BUILD_NUMBER.sh"
echo "Kept $(ls "$BUDDYBUILD_PRODUCT_DIR")"
