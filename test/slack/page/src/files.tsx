// Files under a message: text is previewed, pictures are shown, everything can be downloaded.
import { useEffect, useState, type ReactNode } from "react";
import { paths } from "./api";
import { Icon } from "./icons";
import type { SlackFile } from "./slack";

const previewLines = 8;
const previewBytes = 64 * 1024;
const textTypes = /^(text\/|application\/(json|x-ndjson|yaml|x-yaml|xml))/;
const textEndings = /\.(txt|log|json|ya?ml|md|csv|diff|patch|hcl|tf|go|sh)$/i;

export function Files({ files }: { files: SlackFile[] }): ReactNode {
  return (
    <div className="files">
      {files.map((file) => (
        <FileCard key={file.id} file={file} />
      ))}
    </div>
  );
}

export function FileCard({ file }: { file: SlackFile }): ReactNode {
  const name = file.title || file.name || file.id;
  const href = paths.file(file.id);
  const isText = textTypes.test(file.mimetype ?? "") || textEndings.test(file.name ?? "") || file.filetype === "text";
  const isImage = /^image\/(png|jpeg|gif|webp)$/.test(file.mimetype ?? "");
  return (
    <div className="file">
      <div className="file-head">
        <Icon name="file" />
        <span className="file-name">{name}</span>
        {file.size !== undefined && <span className="muted">{sizeOf(file.size)}</span>}
        <a className="quiet-button" href={href} download={file.name ?? name} aria-label={`Download ${name}`}>
          <Icon name="download" />
        </a>
      </div>
      {isImage && <img className="file-image" src={href} alt={name} />}
      {isText && <TextPreview href={href} name={name} />}
    </div>
  );
}

function TextPreview({ href, name }: { href: string; name: string }): ReactNode {
  const [text, setText] = useState<string>();
  const [all, setAll] = useState(false);
  useEffect(() => {
    const gone = new AbortController();
    fetch(href, { signal: gone.signal })
      .then(async (response) =>
        setText(
          response.ok ? await firstOf(response) : `The file cannot be read: the server answered ${response.status}.`,
        ),
      )
      .catch(() => {
        if (!gone.signal.aborted) setText("The file cannot be read: the server does not answer.");
      });
    return () => gone.abort();
  }, [href]);
  if (text === undefined) return <pre className="file-preview muted">Loading…</pre>;
  const lines = text.split("\n");
  const long = lines.length > previewLines;
  return (
    <>
      <pre className="file-preview" tabIndex={0} role="region" aria-label={`Preview of ${name}`}>
        {(all ? lines : lines.slice(0, previewLines)).join("\n")}
      </pre>
      {long && (
        <button type="button" className="link-button" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "Show less" : `Show all ${lines.length} lines`}
        </button>
      )}
    </>
  );
}

/** The beginning of a text; a log of many megabytes is for the download. */
async function firstOf(response: Response): Promise<string> {
  const blob = await response.blob();
  const start = await blob.slice(0, previewBytes).text();
  return blob.size > previewBytes
    ? `${start}\n… (${sizeOf(blob.size)} in all: download the file for the rest)`
    : start.replace(/\n$/, "");
}

function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1024 ? `${kib.toFixed(kib < 10 ? 1 : 0)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}
