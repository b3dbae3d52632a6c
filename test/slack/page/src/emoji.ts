// Slack's emoji names as characters.
import shortcodes from "emojibase-data/en/shortcodes/iamcal.json";

const characters = new Map<string, string>();
for (const [hex, names] of Object.entries(shortcodes as Record<string, string | string[]>)) {
  const character = String.fromCodePoint(...hex.split("-").map((point) => Number.parseInt(point, 16)));
  // A sign that is text by default, such as U+26A0, needs the variation selector to be drawn as emoji.
  const shown =
    [...character].length === 1 && !/\p{Emoji_Presentation}/u.test(character) ? `${character}\uFE0F` : character;
  for (const name of Array.isArray(names) ? names : [names]) characters.set(name, shown);
}

/** The character of a name such as "rotating_light", "+1" or "wave::skin-tone-3"; undefined when Slack has none. */
export function emojiCharacter(name: string): string | undefined {
  const [base, tone] = name.split("::skin-tone-");
  const character = characters.get(base ?? "");
  if (character === undefined || tone === undefined) return character;
  const modifier = Number.parseInt(tone, 10);
  return modifier >= 2 && modifier <= 6
    ? character.replace("\uFE0F", "") + String.fromCodePoint(0x1f3f9 + modifier)
    : character;
}

const namePattern = /:([a-z0-9_+'-]+(?:::skin-tone-[2-6])?):/y;

/** The emoji whose :name: starts at the given place of the text, and the place after it. */
export function emojiAt(text: string, at: number): { character: string; name: string; end: number } | undefined {
  namePattern.lastIndex = at;
  const name = namePattern.exec(text)?.[1];
  const character = name === undefined ? undefined : emojiCharacter(name);
  return name === undefined || character === undefined ? undefined : { character, name, end: namePattern.lastIndex };
}

/** Text with every :name: that Slack knows replaced; others, and clock times such as 12:30:45, stay. */
export function withEmoji(text: string): string {
  let out = "";
  for (let i = 0; i < text.length;) {
    const emoji = text[i] === ":" ? emojiAt(text, i) : undefined;
    out += emoji?.character ?? text[i];
    i = emoji?.end ?? i + 1;
  }
  return out;
}

/** What slack-blocks-to-jsx imports from node-emoji; the build puts this module in its place. */
export { withEmoji as emojify };
