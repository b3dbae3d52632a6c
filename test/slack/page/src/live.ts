// Keeps fetched documents equal to the server: an event names what changed, the page fetches it again.
import { useCallback, useEffect, useRef, useState } from "react";
import { get, paths, type ServerEvent } from "./api";

type Listener = (event: ServerEvent) => void;

const listeners = new Set<Listener>();

/** Sent to every listener when the stream opens again: anything may have changed meanwhile. */
const reconnected: ServerEvent = { type: "reconnected" };

/** Opens the event stream. EventSource reconnects by itself; onOnline hears how it stands. */
export function openStream(onOnline: (online: boolean) => void): () => void {
  const source = new EventSource(paths.events());
  let wasLost = false;
  source.onopen = () => {
    onOnline(true);
    if (wasLost) listeners.forEach((listener) => listener(reconnected));
    wasLost = false;
  };
  source.onerror = () => {
    wasLost = true;
    onOnline(false);
  };
  source.onmessage = (message: MessageEvent<string>) => {
    const event = JSON.parse(message.data) as ServerEvent;
    listeners.forEach((listener) => listener(event));
  };
  return () => source.close();
}

export function useEvents(listener: Listener): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const call: Listener = (event) => latest.current(event);
    listeners.add(call);
    return () => void listeners.delete(call);
  }, []);
}

export interface Live<T> {
  data: T | undefined;
  error: string | undefined;
  reload: () => void;
}

/**
 * The document at path (null: none), fetched again after every event that concerns it.
 * At most one request is under way; events that arrive meanwhile cause one more, so a burst of edits is cheap.
 */
export function useLive<T>(path: string | null, concerns: (event: ServerEvent) => boolean): Live<T> {
  const [result, setResult] = useState<{ path: string; data?: T; error?: string }>();
  const flight = useRef<{ path: string; again: boolean } | null>(null);

  const load = useCallback(async (wanted: string) => {
    if (flight.current?.path === wanted) {
      flight.current.again = true;
      return;
    }
    const mine = { path: wanted, again: false };
    flight.current = mine;
    do {
      mine.again = false;
      try {
        const data = await get<T>(wanted);
        if (flight.current === mine) setResult({ path: wanted, data });
      } catch (error) {
        if (flight.current === mine)
          setResult((before) => ({
            path: wanted,
            data: before?.path === wanted ? before.data : undefined,
            error: (error as Error).message,
          }));
      }
    } while (mine.again && flight.current === mine);
    if (flight.current === mine) flight.current = null;
  }, []);

  useEffect(() => {
    if (path !== null) void load(path);
    return () => {
      flight.current = null;
    };
  }, [path, load]);

  useEvents((event) => {
    if (path !== null && (event.type === reconnected.type || concerns(event))) void load(path);
  });

  const current = result !== undefined && result.path === path ? result : undefined;
  const reload = useCallback(() => {
    if (path !== null) void load(path);
  }, [path, load]);
  return { data: current?.data, error: current?.error, reload };
}
