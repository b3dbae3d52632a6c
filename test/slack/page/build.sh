#!/bin/sh
# Builds dist from src. The packages are installed beside the clone, in the user's cache, so that nothing of them can be committed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
lock=$(sha256sum "$here/package-lock.json" | cut -c1-16)
work=${XDG_CACHE_HOME:-$HOME/.cache}/autopilot/page-$lock
mkdir -p "$work"
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$here/tsconfig.json" "$here/build.mjs" "$work/"
rm -rf "$work/src"
cp -R "$here/src" "$work/src"
cd "$work"
[ -d node_modules/esbuild ] || npm ci
npm run --silent build
rm -rf "$here/dist"
cp -R dist "$here/dist"
