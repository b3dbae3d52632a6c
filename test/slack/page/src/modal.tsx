// The topmost modal that the app has open before a person.
import { useId, useState, type ReactNode } from "react";
import { actions, isAnnounced, paths, refusal, type Views } from "./api";
import { Blocks } from "./blocks";
import { complaint, fieldOf, initialState } from "./control-state";
import { Dialog } from "./dialog";
import { Icon } from "./icons";
import { useLive } from "./live";
import type { Block, ControlState, Element, View, ViewValues } from "./slack";
import { SurfaceProvider } from "./surface";
import { Text } from "./text";
import { useWorkspace } from "./workspace";

export function Modals(): ReactNode {
  const { me } = useWorkspace();
  const { data } = useLive<Views>(
    paths.views(me.id),
    (event) => event.type.startsWith("view_") && (event.user === undefined || event.user === me.id),
  );
  const views = data?.views ?? [];
  const top = views.at(-1);
  return top && <Modal key={top.id} view={top} stacked={views.length > 1} />;
}

function Modal({ view, stacked }: { view: View; stacked: boolean }): ReactNode {
  const { me, state, notify } = useWorkspace();
  const [values, setValues] = useState<ViewValues>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);
  const title = useId();

  const stateOf = (blockId: string, element: Element): ControlState => {
    const held = values[blockId]?.[element.action_id ?? ""];
    // An update of the view may put another kind of input where this one was.
    return held?.type === element.type ? held : initialState(element);
  };
  const set = (blockId: string, actionId: string, next: ControlState) => {
    setValues((all) => ({ ...all, [blockId]: { ...all[blockId], [actionId]: next } }));
    setErrors(({ [blockId]: _, ...others }) => others);
  };

  const close = async (clear: boolean) => {
    const answer = await actions.close(me.id, view.id, clear);
    if (!answer.ok) notify(refusal(answer));
  };

  const submit = async () => {
    if (busy) return;
    const found = Object.fromEntries(
      view.blocks.flatMap((block) => {
        const wrong =
          block.type === "input" && block.element
            ? complaint(block, stateOf(block.block_id ?? "", block.element))
            : undefined;
        return wrong === undefined ? [] : [[block.block_id ?? "", wrong]];
      }),
    );
    setErrors(found);
    setFailure(undefined);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    const answer = await actions.submit(me.id, view.id, collect(view.blocks, stateOf));
    setBusy(false);
    if (answer.errors) setErrors(answer.errors);
    else if (!answer.ok)
      setFailure(isAnnounced(answer) ? "We had some trouble connecting. Try again?" : refusal(answer));
  };

  const hasSubmit = view.submit?.text !== undefined;
  return (
    <Dialog className="modal" labelledBy={title} onCancel={() => void close(false)}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <header className="modal-head">
          <h2 id={title}>{view.title?.text ? <Text text={view.title} /> : state.bot.name}</h2>
          <button type="button" className="quiet-button" aria-label="Close" onClick={() => void close(true)}>
            <Icon name="close" />
          </button>
        </header>
        <div className="modal-body">
          <SurfaceProvider value={{ view_id: view.id, form: { stateOf, set, errors } }}>
            <Blocks blocks={view.blocks} />
          </SurfaceProvider>
          {failure && (
            <p className="field-error" role="alert">
              {failure}
            </p>
          )}
        </div>
        <footer className="dialog-buttons">
          <button type="button" className="button" onClick={() => void close(false)}>
            {view.close?.text ? <Text text={view.close} /> : stacked ? "Back" : hasSubmit ? "Cancel" : "Close"}
          </button>
          {hasSubmit && view.submit && (
            <button type="submit" className="button primary" aria-busy={busy}>
              <Text text={view.submit} />
            </button>
          )}
        </footer>
      </form>
    </Dialog>
  );
}

/** Every value of the view: input blocks, and inputs in sections and actions. */
function collect(blocks: Block[], stateOf: (blockId: string, element: Element) => ControlState): ViewValues {
  const values: ViewValues = {};
  for (const block of blocks) {
    const elements = [block.element, block.accessory, ...(block.type === "actions" ? (block.elements ?? []) : [])];
    for (const element of elements) {
      if (element?.action_id === undefined || fieldOf(element) === undefined) continue;
      const blockId = block.block_id ?? "";
      values[blockId] = { ...values[blockId], [element.action_id]: stateOf(blockId, element) };
    }
  }
  return values;
}
