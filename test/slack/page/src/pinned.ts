// A scrolling list that stays at its end while the reader is there, and says when something came in below.
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";

const nearEnd = 80; // pixels

export function usePinned(
  key: string,
  newest: string | undefined,
): { list: RefObject<HTMLDivElement | null>; behind: boolean; toEnd: () => void; onScroll: () => void } {
  const list = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const seen = useRef<string>(undefined);
  const [behind, setBehind] = useState(false);

  const toEnd = () => {
    list.current?.scrollTo({ top: list.current.scrollHeight });
    atEnd.current = true;
    setBehind(false);
  };

  useLayoutEffect(() => {
    seen.current = undefined;
    toEnd();
  }, [key]);

  useLayoutEffect(() => {
    if (atEnd.current) toEnd();
    else if (newest !== seen.current) setBehind(true);
    seen.current = newest;
  }, [newest]);

  // A picture, a preview or an edit makes the list longer without a new message.
  useEffect(() => {
    const content = list.current?.firstElementChild;
    if (!content) return;
    const observer = new ResizeObserver(() => {
      if (atEnd.current) toEnd();
    });
    observer.observe(content);
    return () => observer.disconnect();
  }, [key]);

  const onScroll = () => {
    const element = list.current;
    if (element === null) return;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < nearEnd;
    if (atEnd.current) setBehind(false);
  };
  return { list, behind, toEnd, onScroll };
}
