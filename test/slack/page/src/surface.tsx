// Where blocks stand (a message, a modal, the Home tab), and so what a click on them tells the server.
import { createContext, useContext, useState } from "react";
import { actions, isAnnounced, refusal } from "./api";
import { useAsk } from "./dialog";
import type { ControlState, Element } from "./slack";
import { useWorkspace } from "./workspace";

export interface Form {
  stateOf: (blockId: string, element: Element) => ControlState;
  set: (blockId: string, actionId: string, state: ControlState) => void;
  errors: Record<string, string>;
}

export interface Surface {
  channel?: string;
  message_ts?: string;
  view_id?: string;
  /** Present in a modal, where inputs are kept until they are submitted. */
  form?: Form;
}

const SurfaceContext = createContext<Surface>({});

export const SurfaceProvider = SurfaceContext.Provider;
export const useSurface = (): Surface => useContext(SurfaceContext);

/** Sends an action of an element after its confirm question, one at a time; answers whether it was sent. */
export function useAct(
  blockId: string,
  element: Element,
): { busy: boolean; act: (what: Partial<ControlState>) => Promise<boolean> } {
  const { me, notify } = useWorkspace();
  const { channel, message_ts, view_id } = useSurface();
  const ask = useAsk();
  const [busy, setBusy] = useState(false);
  const act = async (what: Partial<ControlState>) => {
    if (busy) return false;
    if (element.confirm && !(await ask(element.confirm))) return false;
    setBusy(true);
    const answer = await actions.click({
      user: me.id,
      channel,
      message_ts,
      view_id,
      block_id: blockId,
      action_id: element.action_id ?? "",
      ...what,
    });
    setBusy(false);
    if (!answer.ok && !isAnnounced(answer)) notify(refusal(answer));
    return true;
  };
  return { busy, act };
}
