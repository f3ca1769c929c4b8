/** A comment, a quoted text or name (with `\` and doubled quotes inside), or anything else of one character. */
const TOKEN =
  /--[^\n]*|#[ !][^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|''|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`|[\s\S]/g;

/** The statements of an SQL script, split at the semicolons that end them; comments stay, empty statements go. */
export function splitStatements(script: string): string[] {
  const statements: string[] = [];
  let text = "";
  let isEmpty = true;
  const finish = () => {
    if (!isEmpty) statements.push(text.trim());
    text = "";
    isEmpty = true;
  };
  for (const [token] of script.matchAll(TOKEN)) {
    if (token === ";") {
      finish();
      continue;
    }
    text += token;
    if (!/^\s|^--|^#|^\/\*/.test(token)) isEmpty = false;
  }
  finish();
  return statements;
}
