// Parses Slack's mrkdwn. Not Markdown: "# a", "1. b" and "x | y" are plain text, *a* is bold,
// and only &amp; &lt; &gt; are entities. Evidence is quoted in it, so no character may be lost.
import { emojiAt } from "./emoji";

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "break" }
  | { kind: "emoji"; character: string; name: string }
  | { kind: "bold" | "italic" | "strike" | "code"; children: Inline[] }
  | { kind: "link"; href: string; children: Inline[] }
  | { kind: "user" | "channel" | "group"; id: string; label?: string }
  | { kind: "broadcast"; range: string }
  | { kind: "date"; seconds: number; format: string; href?: string; fallback: string };

export type Paragraph = { kind: "paragraph" | "quote" | "pre"; children: Inline[] };

interface Options {
  /** No bare link is made of an address: what "verbatim" asks for. */
  verbatim?: boolean;
}

export function decode(text: string): string {
  return text.replace(/&(lt|gt|amp);/g, (_, name: string) => (name === "lt" ? "<" : name === "gt" ? ">" : "&"));
}

/** True for the schemes a person may be sent to; keeps javascript: and data: out. */
export function isSafeLink(href: string): boolean {
  return /^(https?:\/\/|mailto:|tel:)/i.test(href);
}

export function parseMrkdwn(text: string, options: Options = {}): Paragraph[] {
  const paragraphs: Paragraph[] = [];
  const fence = /```([\s\S]+?)```/g;
  let from = 0;
  for (let found = fence.exec(text); found !== null; found = fence.exec(text)) {
    paragraphs.push(...parseLines(text.slice(from, found.index).replace(/\n$/, ""), options));
    paragraphs.push({ kind: "pre", children: parseLiteral((found[1] ?? "").replace(/^\n/, "").replace(/\n$/, "")) });
    from = fence.lastIndex;
    if (text[from] === "\n") from++;
  }
  paragraphs.push(...parseLines(text.slice(from), options));
  return paragraphs;
}

/** Splits text without code blocks into quotes ("> " or "&gt; " lines, ">>> " to the end) and the rest. */
function parseLines(text: string, options: Options): Paragraph[] {
  if (text === "") return [];
  const groups: { kind: "paragraph" | "quote"; lines: string[] }[] = [];
  let toTheEnd = false;
  for (const line of text.split("\n")) {
    const all = /^(?:&gt;|>){3} ?/.exec(line);
    const one = /^(?:&gt;|>) ?/.exec(line);
    const kind = toTheEnd || all || one ? "quote" : "paragraph";
    const content = toTheEnd ? line : line.slice((all ?? one)?.[0].length ?? 0);
    toTheEnd ||= all !== null;
    const last = groups.at(-1);
    if (last?.kind === kind) last.lines.push(content);
    else groups.push({ kind, lines: [content] });
  }
  return groups.map(({ kind, lines }) => ({ kind, children: parseInline(lines.join("\n"), options) }));
}

/** Code: no formatting, but Slack still shows <…> sequences as what they stand for. */
function parseLiteral(text: string): Inline[] {
  const out: Inline[] = [];
  let plain = "";
  for (let i = 0; i < text.length;) {
    const control = text[i] === "<" ? controlAt(text, i) : undefined;
    if (control === undefined) {
      plain += text[i++];
      continue;
    }
    if (plain !== "") out.push({ kind: "text", text: decode(plain) });
    plain = "";
    out.push(control.node);
    i = control.end;
  }
  if (plain !== "") out.push({ kind: "text", text: decode(plain) });
  return out;
}

const marks = { "*": "bold", _: "italic", "~": "strike" } as const;
type Mark = keyof typeof marks;

const isWord = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}]/u.test(character);
const isSpace = (character: string | undefined) => character === undefined || /\s/.test(character);

function parseInline(text: string, options: Options): Inline[] {
  const out: Inline[] = [];
  let plain = "";
  const flush = () => {
    if (plain !== "") out.push({ kind: "text", text: decode(plain) });
    plain = "";
  };
  // Where no closing mark was found up to a line's end, none can be found from further on: keeps this linear.
  const hopelessUntil: Record<Mark, number> = { "*": -1, _: -1, "~": -1 };

  for (let i = 0; i < text.length;) {
    const character = text[i] as string;
    let found: { node: Inline; end: number } | undefined;
    if (character === "\n") found = { node: { kind: "break" }, end: i + 1 };
    else if (character === "`") found = codeAt(text, i);
    else if (character === "<") found = controlAt(text, i);
    else if (character === ":") {
      const emoji = emojiAt(text, i);
      if (emoji) found = { node: { kind: "emoji", character: emoji.character, name: emoji.name }, end: emoji.end };
    } else if (character === "h" && !options.verbatim && !isWord(text[i - 1])) found = addressAt(text, i);
    else if (character in marks && i > hopelessUntil[character as Mark] && opens(text, i)) {
      const end = closing(text, i);
      if (end.found)
        found = {
          node: { kind: marks[character as Mark], children: parseInline(text.slice(i + 1, end.at), options) },
          end: end.at + 1,
        };
      else hopelessUntil[character as Mark] = end.at;
    }
    if (found === undefined) {
      plain += character;
      i++;
      continue;
    }
    flush();
    out.push(found.node);
    i = found.end;
  }
  flush();
  return out;
}

function opens(text: string, at: number): boolean {
  return !isWord(text[at - 1]) && text[at - 1] !== text[at] && !isSpace(text[at + 1]) && text[at + 1] !== text[at];
}

/** The mark that closes the one at the given place, on the same line and outside code and <…>. */
function closing(text: string, open: number): { found: boolean; at: number } {
  let i = open + 1;
  for (; i < text.length && text[i] !== "\n"; i++) {
    const skipped = text[i] === "`" ? codeAt(text, i) : text[i] === "<" ? controlAt(text, i) : undefined;
    if (skipped !== undefined) i = skipped.end - 1;
    else if (
      text[i] === text[open] &&
      i > open + 1 &&
      !isSpace(text[i - 1]) &&
      !isWord(text[i + 1]) &&
      text[i + 1] !== text[open]
    )
      return { found: true, at: i };
  }
  return { found: false, at: i };
}

function codeAt(text: string, at: number): { node: Inline; end: number } | undefined {
  const inner = /`([^`\n]+)`/y;
  inner.lastIndex = at;
  const found = inner.exec(text);
  return found
    ? { node: { kind: "code", children: parseLiteral(found[1] as string) }, end: inner.lastIndex }
    : undefined;
}

function addressAt(text: string, at: number): { node: Inline; end: number } | undefined {
  const address = /https?:\/\/[^\s<>|`]+/y;
  address.lastIndex = at;
  const found = address.exec(text)?.[0].replace(/(?:[.,;:!?)\]}'"*_~]|&gt;)+$/, "");
  if (found === undefined || found.endsWith("//")) return undefined;
  const href = decode(found);
  return { node: { kind: "link", href, children: [{ kind: "text", text: href }] }, end: at + found.length };
}

/** A <…> sequence; undefined when it is none that Slack knows, so that "<img …>" stays the text it is. */
function controlAt(text: string, at: number): { node: Inline; end: number } | undefined {
  const sequence = /<([^<>\n]+)>/y;
  sequence.lastIndex = at;
  const found = sequence.exec(text);
  const node = found ? controlNode(found[1] as string) : undefined;
  return node ? { node, end: sequence.lastIndex } : undefined;
}

function controlNode(body: string): Inline | undefined {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? undefined : decode(body.slice(bar + 1));
  let found: RegExpExecArray | null;
  if ((found = /^@([UW][A-Z0-9]+)$/.exec(target))) return { kind: "user", id: found[1] as string, label };
  if ((found = /^#([CGD][A-Z0-9]+)$/.exec(target))) return { kind: "channel", id: found[1] as string, label };
  if ((found = /^!subteam\^(S[A-Z0-9]+)$/.exec(target))) return { kind: "group", id: found[1] as string, label };
  if ((found = /^!(here|channel|everyone)$/.exec(target))) return { kind: "broadcast", range: found[1] as string };
  if ((found = /^!date\^(-?\d+)\^([^^]+)(?:\^(.+))?$/.exec(target)))
    return {
      kind: "date",
      seconds: Number(found[1]),
      format: decode(found[2] as string),
      href: found[3] && decode(found[3]),
      fallback: label ?? "",
    };
  if (!isSafeLink(target)) return undefined;
  const href = decode(target);
  return {
    kind: "link",
    href,
    children: label === undefined ? [{ kind: "text", text: href.replace(/^(mailto|tel):/i, "") }] : labelNodes(label),
  };
}

function labelNodes(label: string): Inline[] {
  const out: Inline[] = [];
  let plain = "";
  for (let i = 0; i < label.length;) {
    const emoji = label[i] === ":" ? emojiAt(label, i) : undefined;
    if (emoji === undefined) {
      plain += label[i++];
      continue;
    }
    if (plain !== "") out.push({ kind: "text", text: plain });
    plain = "";
    out.push({ kind: "emoji", character: emoji.character, name: emoji.name });
    i = emoji.end;
  }
  if (plain !== "") out.push({ kind: "text", text: plain });
  return out;
}
