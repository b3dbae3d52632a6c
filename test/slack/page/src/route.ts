// Where the page stands: #/c/<channel>, #/c/<channel>/t/<ts>, #/home; ?user= picks the person.
import { useSyncExternalStore } from "react";

export type Route = { at: "list" } | { at: "home" } | { at: "channel"; channel: string; thread?: string };

export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#\/?/, "").split("/");
  if (parts[0] === "home") return { at: "home" };
  if (parts[0] === "c" && parts[1]) {
    const thread = parts[2] === "t" && parts[3] ? parts[3] : undefined;
    return { at: "channel", channel: parts[1], thread };
  }
  return { at: "list" };
}

export function channelHash(channel: string, thread?: string): string {
  return thread === undefined ? `#/c/${channel}` : `#/c/${channel}/t/${thread}`;
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(subscribe, () => window.location.hash));
}

export function go(hash: string): void {
  window.location.hash = hash;
}

export function userFromAddress(): string | null {
  return new URLSearchParams(window.location.search).get("user");
}

/** Puts the person into the address, so that a reload or a copied link acts as the same one. */
export function rememberUser(id: string): void {
  const address = new URL(window.location.href);
  address.searchParams.set("user", id);
  window.history.replaceState(null, "", address);
}
