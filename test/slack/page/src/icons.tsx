// The page's own line icons, drawn on a 20 by 20 grid in the colour of the text.
import type { ReactNode } from "react";

const shapes = {
  hash: "M7.6 3 6 17M14 3l-1.6 14M3.4 7.2h13.4M3 12.8h13.4",
  home: "M3 9.2 10 3l7 6.2V16a1 1 0 0 1-1 1h-3.6v-4.6H7.6V17H4a1 1 0 0 1-1-1Z",
  send: "M3.2 3.6 17 10 3.2 16.4 5 11l6-1-6-1Z",
  close: "m5 5 10 10M15 5 5 15",
  back: "M12 4.5 6.5 10l5.5 5.5",
  down: "m5 7.8 5 5 5-5",
  reply: "M4 4h12a1 1 0 0 1 1 1v7.5a1 1 0 0 1-1 1H9.5L5.5 17v-3.5H4a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1Z",
  dots: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  eye: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5Zm8 2.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Z",
  sun: "M10 13.4a3.4 3.4 0 1 0 0-6.8 3.4 3.4 0 0 0 0 6.8ZM10 2v1.6M10 16.4V18M2 10h1.6M16.4 10H18M4.3 4.3l1.2 1.2M14.5 14.5l1.2 1.2M15.7 4.3l-1.2 1.2M5.5 14.5l-1.2 1.2",
  moon: "M16.6 12.2A7 7 0 0 1 7.8 3.4a7 7 0 1 0 8.8 8.8Z",
  file: "M5 2.5h6.5L15.5 6.5v11h-10.5ZM11.5 2.5v4h4M7.5 10.5h5.5M7.5 13.5h5.5",
  download: "M10 3v9M6 8.5l4 4 4-4M3.5 16.5h13",
  check: "m4 10.5 4 4 8-9",
  archive: "M3 4h14v3.5H3ZM4.2 7.5V16h11.6V7.5M8 10.5h4",
  link: "M8.5 11.5 15.5 4.5M11 4h5v5M14 11v4.5a.5.5 0 0 1-.5.5h-9a.5.5 0 0 1-.5-.5v-9a.5.5 0 0 1 .5-.5H9",
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }): ReactNode {
  return (
    <svg
      className={`icon icon-${name}`}
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={shapes[name]} strokeWidth={name === "dots" ? 2.6 : undefined} />
    </svg>
  );
}

/** The app's mark: an attitude indicator, level. */
export function AppMark(): ReactNode {
  return (
    <svg className="app-mark" viewBox="0 0 36 36" aria-hidden="true">
      <rect width="36" height="36" rx="8" fill="#0b3b46" />
      <path d="M7 18a11 11 0 0 1 22 0Z" fill="#4cc2e0" />
      <path d="M7 18a11 11 0 0 0 22 0Z" fill="#d98a3d" />
      <path
        d="M9.5 18h6l2.5 3 2.5-3h6"
        fill="none"
        stroke="#fff"
        strokeWidth="2.2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <path
        d="M18 9.6v3.2M12.4 11.4l1.4 2.4M23.6 11.4l-1.4 2.4"
        stroke="#0b3b46"
        strokeWidth="1.6"
        strokeLinecap="round"
      />
    </svg>
  );
}
