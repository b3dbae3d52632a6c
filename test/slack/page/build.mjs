// Builds src into dist: index.html, page.js, page.css, the licences of what is bundled in, and a manifest of hashes
// by which bundle_test.go tells, without Node, that dist is what these sources build.
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

/** The licence texts of the packages that the inputs come from. */
function licenses(inputs) {
  const packages = new Set(inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]).filter(Boolean));
  return [...packages]
    .sort()
    .map((name) => {
      const dir = join(root, "node_modules", name);
      const { version, license } = JSON.parse(readFileSync(join(dir, "package.json"), "utf8"));
      const file = readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry));
      const text = file ? readFileSync(join(dir, file), "utf8").replaceAll("\r\n", "\n").trim() : "";
      return `${name} ${version} (${license})\n\n${text}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const { metafile } = await build({
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
  metafile: true,
});
copyFileSync(join(root, "src", "index.html"), join(dist, "index.html"));

const sources = [
  ...filesUnder(join(root, "src")),
  ...["build.mjs", "package.json", "package-lock.json", "tsconfig.json"].map((name) => join(root, name)),
];
writeFileSync(join(dist, "licenses.txt"), licenses(Object.keys(metafile.inputs)));
const built = ["index.html", "licenses.txt", "page.css", "page.js"].map((name) => join(dist, name));
writeFileSync(join(dist, "manifest.txt"), manifestLines([...sources, ...built]).join(""));
