/**
 * What the doctor says of hooks: an agent with one that cannot work does not start.
 */
import type { Hook } from "../../core/hook.ts";
import type { Finding } from "../../ports.ts";
import type { DoctorTools } from "./doctor_looks.ts";

/** A finding for each hook that cannot work, or one for all that can; none where there are no hooks. */
export function examineHooks(
  hooks: readonly Hook[],
  { hookProblem }: Pick<DoctorTools, "hookProblem">,
): Finding[] {
  const what = "hooks";
  const bad = hooks.flatMap((hook): Finding[] => {
    const problem = hookProblem(hook);
    if (problem === null) return [];
    const remedy = "correct `hooks` in troop.yaml";
    return [{ what, state: "missing", detail: `${hook.name}: ${problem}`, remedy }];
  });
  if (hooks.length === 0 || bad.length > 0) return bad;
  return [{ what, state: "ok", detail: hooks.map(({ name }) => name).join(", "), remedy: null }];
}
