// Builds src into dist: index.html, page.js, page.css, and a manifest of hashes by which
// page_test.go tells, without Node, that dist is what these sources build.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");

function filesUnder(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

function manifestLines(paths) {
  return paths
    .map((path) => `${createHash("sha256").update(readFileSync(path)).digest("hex")}  ${relative(root, path)}\n`)
    .sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1));
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
await build({
  absWorkingDir: root,
  entryPoints: { page: "src/main.tsx" },
  outdir: "dist",
  bundle: true,
  minify: true,
  charset: "utf8",
  format: "esm",
  target: ["chrome123", "firefox128", "safari17.5"],
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  // The renderer asks node-emoji for characters; Slack's own names are in src/emoji.ts, and 200 kB smaller.
  alias: { "node-emoji": "./src/emoji.ts" },
  loader: { ".woff2": "dataurl" },
  legalComments: "none",
  logLevel: "warning",
});
copyFileSync(join(root, "src", "index.html"), join(dist, "index.html"));

const sources = [...filesUnder(join(root, "src")), ...["build.mjs", "package.json", "package-lock.json", "tsconfig.json"].map((name) => join(root, name))];
const built = ["index.html", "page.css", "page.js"].map((name) => join(dist, name));
writeFileSync(join(dist, "manifest.txt"), manifestLines([...sources, ...built]).join(""));
