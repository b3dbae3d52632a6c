// A person's square: initials on their colour. The app has its mark.
import type { ReactNode } from "react";
import { AppMark } from "./icons";

const fallbackColors = ["#3b6ea8", "#8a4f9e", "#2f7d5b", "#a4553a", "#5b5fb0", "#8a6d1f"];

function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => word !== "");
  return (words.length > 1 ? [words[0], words.at(-1)] : words)
    .map((word) => [...(word ?? "")][0] ?? "")
    .join("")
    .toUpperCase();
}

/** The colour as "#rrggbb"; one chosen by the name when the server gave none that can be read. */
function background(color: string, name: string): string {
  const hex = color.replace(/^#?/, "#");
  if (/^#[0-9a-f]{6}$/i.test(hex)) return hex;
  const sum = [...name].reduce((total, character) => total + (character.codePointAt(0) ?? 0), 0);
  return fallbackColors[sum % fallbackColors.length] as string;
}

/** White, or near black where the colour is too light for white (less than 4.5 : 1). */
function ink(hex: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 1.05 / (0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05) >= 4.5 ? "#fff" : "#16181c";
}

export function Avatar({
  name,
  color,
  isApp,
  size = 36,
}: {
  name: string;
  color: string;
  isApp?: boolean;
  size?: number;
}): ReactNode {
  const ground = isApp ? undefined : background(color, name);
  return (
    <span
      className="avatar"
      style={{ width: size, height: size, fontSize: size * 0.4, background: ground, color: ground && ink(ground) }}
      aria-hidden="true"
    >
      {isApp ? <AppMark /> : initials(name)}
    </span>
  );
}
