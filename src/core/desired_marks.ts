/**
 * The marking rules this node wants: those of every mark service whose ports troop was told.
 */
import type { MarkRule } from "./mark_rules.ts";
import type { State } from "./state.ts";

/** The rules, in a fixed order. A node that is no director marks nothing. */
export function desiredMarkRules(state: State): MarkRule[] {
  if (!state.self.director) return [];
  const rules: MarkRule[] = [];
  for (const service of state.document.services.values()) {
    if (service.protocol !== "fwm") continue;
    for (const address of service.vips) {
      for (const { protocol, first, last } of service.ports) {
        rules.push({
          family: service.family,
          address,
          protocol,
          firstPort: first,
          lastPort: last,
          mark: service.mark,
        });
      }
    }
  }
  return rules;
}
