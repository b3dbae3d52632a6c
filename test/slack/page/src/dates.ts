// Times as Slack shows them, in the reader's own zone.

const hour12 = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions().hour12 ?? false;

const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat("en-US", options);
const clock = format({ hour: hour12 ? "numeric" : "2-digit", minute: "2-digit", hourCycle: hour12 ? "h12" : "h23" });
const clockWithSeconds = format({
  hour: hour12 ? "numeric" : "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: hour12 ? "h12" : "h23",
});
const long = format({ weekday: "long", month: "long", day: "numeric", year: "numeric" });
const middle = format({ month: "long", day: "numeric", year: "numeric" });
const short = format({ month: "short", day: "numeric", year: "numeric" });
const slash = format({ month: "2-digit", day: "2-digit", year: "numeric" });
const full = format({ dateStyle: "full", timeStyle: "long" });

export const clockTime = (ms: number) => clock.format(ms);
export const fullTime = (ms: number) => full.format(ms);

function dayNumber(ms: number): number {
  const date = new Date(ms);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000);
}

export function sameDay(a: number, b: number): boolean {
  return dayNumber(a) === dayNumber(b);
}

function relativeDay(ms: number, now: number): string | undefined {
  const days = dayNumber(ms) - dayNumber(now);
  return days === 0 ? "today" : days === -1 ? "yesterday" : days === 1 ? "tomorrow" : undefined;
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** The heading over a day's messages. */
export function dayHeading(ms: number, now = Date.now()): string {
  return capital(relativeDay(ms, now) ?? long.format(ms));
}

/** "3 minutes ago"; "in 2 hours". */
export function ago(ms: number, now = Date.now()): string {
  const seconds = Math.round((ms - now) / 1000);
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["year", 365 * 86_400],
    ["month", 30 * 86_400],
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  for (const [unit, size] of steps)
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  return Math.abs(seconds) < 5 ? "just now" : relative.format(seconds, "second");
}

/** Fills the {tokens} of a <!date^…> sequence; undefined when one is unknown, so that the fallback is shown. */
export function slackDate(seconds: number, template: string, now = Date.now()): string | undefined {
  const ms = seconds * 1000;
  let unknown = false;
  const filled = template.replace(/\{([a-z_]+)\}/g, (whole, token: string) => {
    const pretty = token.endsWith("_pretty") ? relativeDay(ms, now) : undefined;
    if (pretty !== undefined) return pretty;
    switch (token.replace(/_pretty$/, "")) {
      case "date_num": {
        const [month, day, year] = slash.format(ms).split("/");
        return `${year}-${month}-${day}`;
      }
      case "date_slash":
        return slash.format(ms);
      case "date_long":
        return long.format(ms);
      case "date_long_full":
      case "date":
        return middle.format(ms);
      case "date_short":
        return short.format(ms);
      case "time":
        return clock.format(ms);
      case "time_secs":
        return clockWithSeconds.format(ms);
      case "ago":
        return ago(ms, now);
      default:
        unknown = true;
        return whole;
    }
  });
  return unknown ? undefined : filled;
}
