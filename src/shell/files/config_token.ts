/**
 * Writes another token into a node's file and leaves every other byte of it as it is: comments, order and
 * spelling are the operator's.
 */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { isScalar, parseDocument } from "yaml";
import type { Home } from "../../core/home.ts";
import { replaceWhole } from "./whole_file.ts";

/** The text with another token; undefined when it has no plain `token:` of its own. */
export function withToken(text: string, token: string): string | undefined {
  const document = parseDocument(text, { prettyErrors: false });
  if (document.errors.length > 0) return undefined;
  const node = document.get("token", true);
  if (!isScalar(node) || node.range === undefined || node.range === null) return undefined;
  const [start, end] = node.range;
  return `${text.slice(0, start)}${token}${text.slice(end)}`;
}

/**
 * Replaces the token in the node's file, all or nothing, on disk when this returns. A link in its place stays one;
 * owner and mode stay. Throws an Error that says what is wrong.
 */
export function writeConfigToken(home: Home, token: string): void {
  const file = realpathSync(home.config);
  const text = withToken(readFileSync(file, "utf8"), token);
  if (text === undefined) throw new Error("its token line is not a plain one");
  replaceWhole(file, text, statSync(file));
}
