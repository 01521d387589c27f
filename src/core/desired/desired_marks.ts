/**
 * The marking rules this node wants: those of every mark service whose ports troop was told.
 */
import type { MarkRule } from "../service/mark_rules.ts";
import { perDocument } from "../document/per_document.ts";
import type { MarkService } from "../service/service.ts";

/** The rules, in a fixed order. A node that is no director marks nothing. */
export const desiredMarkRules = perDocument(({ document, self }): readonly MarkRule[] => {
  if (!self.director) return [];
  return [...document.services.values()].flatMap((service) =>
    service.protocol === "fwm" ? rulesOf(service) : []
  );
});

function rulesOf(service: MarkService): MarkRule[] {
  return service.vips.flatMap((address) =>
    service.ports.map(({ protocol, first, last }) => ({
      family: service.family,
      address,
      protocol,
      firstPort: first,
      lastPort: last,
      mark: service.mark,
    }))
  );
}
