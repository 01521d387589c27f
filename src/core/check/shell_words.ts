/**
 * Words as a POSIX shell splits and quotes them, without anything it would expand.
 */

/** Splits at spaces, except within quotes or behind a backslash. Null when a quote is not closed. */
export function splitWords(text: string): string[] | null {
  const words: string[] = [];
  let rest = text.trimStart();
  while (rest !== "") {
    const [whole, word] = readWord(rest);
    if (whole === "") return null;
    words.push(word);
    rest = rest.slice(whole.length).trimStart();
  }
  return words;
}

/** One part of a word: in single quotes, in double quotes, behind a backslash, or plain. */
const PART = /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^\s'"\\]+)/suy;

/** The first word of a text: as it is written, and what it says. Empty when it does not end. */
function readWord(text: string): [whole: string, word: string] {
  let word = "";
  let at = 0;
  while (at < text.length && !/\s/.test(text.charAt(at))) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) return ["", ""];
    const [whole, single, double, escaped, plain] = match;
    word += single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? "";
    at += whole.length;
  }
  return [text.slice(0, at), word];
}

/** Writes a word so that {@link splitWords} and a shell read it back. */
export function quoteWord(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
