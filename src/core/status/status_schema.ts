/**
 * The published JSON schema of the status document, made from the definition the types come from.
 */
import { z } from "zod";
import { statusSchema } from "./status.ts";

/** The schema, JSON Schema draft 2020-12. Further fields are allowed: later versions add some. */
export function statusJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(statusSchema, { io: "input" });
  return { title: "troop status", ...schema };
}
