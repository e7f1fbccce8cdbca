/**
 * Splits TypeScript source into tokens, so that rules about code do not trip over comments, strings and regular expressions.
 *
 * It knows as much of the grammar (ECMA-262, chapter 12 "Lexical Grammar") as formatted code needs: whether a slash divides is told by
 * the token before it.
 *
 * @module
 */

/** What a token is. `template` is a piece of a template literal outside `${}`. */
export type TokenKind = "word" | "number" | "string" | "template" | "regex" | "punctuation" | "comment";

/** A token. */
export interface Token {
  /** What it is. */
  readonly kind: TokenKind;
  /** Its source text, quotes and comment marks included. */
  readonly text: string;
  /** Line of its first character, from 1. */
  readonly line: number;
}

/** Words after which a slash opens a regular expression. */
const BEFORE_REGEX: ReadonlySet<string> = new Set(
  "return typeof case in of do else void delete instanceof new throw yield await".split(" "),
);

/** Longest first. A lone `>` stays single, so that closing type arguments do not become a shift. */
const PUNCTUATION: readonly string[] =
  "... === !== **= <<= &&= ||= ??= => == != <= >= && || ?? ?. ++ -- += -= *= /= %= &= |= ^= ** <<".split(" ");

const SPACE = /\s/;
const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$]*/uy;
const NUMBER = /0[xXbBoO][0-9a-fA-F_]+n?|\d[\d_]*(?:\.[\d_]+)?(?:[eE][+-]?\d+)?n?/y;
const STRING = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const COMMENT = /\/\/[^\n]*|\/\*[^]*?\*\//y;
const TEMPLATE = /(?:[^`\\$]|\\[^]|\$(?!\{))*/y;

/** Splits source text into tokens, comments included. */
export function scan(source: string): Token[] {
  return new Scanner(source).run();
}

/** The tokens that are code. */
export function code(tokens: readonly Token[]): Token[] {
  return tokens.filter(({ kind }) => kind !== "comment");
}

/** The content of a string token. */
export function unquote(token: Token): string {
  return token.text.slice(1, -1);
}

/** Index of the bracket that closes the one at `open`; the last index if nothing does. */
export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    if (tokens[i].kind !== "punctuation") continue;
    if ("([{".includes(tokens[i].text)) depth++;
    if (")]}".includes(tokens[i].text) && --depth === 0) return i;
  }
  return tokens.length - 1;
}

class Scanner {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  /** The last token that is code. */
  #last: Token | undefined;
  /** Depth of braces at which each open `${` began. */
  #substitutions: number[] = [];
  #braces = 0;

  constructor(source: string) {
    this.#source = source;
  }

  run(): Token[] {
    while (this.#at < this.#source.length) this.#step();
    return this.#tokens;
  }

  #step(): void {
    const c = this.#source[this.#at];
    if (SPACE.test(c)) {
      if (c === "\n") this.#line++;
      this.#at++;
    } else if (c === "`") {
      this.#push("template", "`");
      this.#template();
    } else if (c === "}" && this.#substitutions.at(-1) === this.#braces) {
      this.#substitutions.pop();
      this.#push("punctuation", "}");
      this.#template();
    } else {
      this.#plain(c);
    }
  }

  #plain(c: string): void {
    const isSlash = c === "/";
    if (isSlash && this.#take("comment", COMMENT)) return;
    if (isSlash && this.#regexMayStart() && this.#take("regex", REGEX)) return;
    if (this.#take("string", STRING) || this.#take("word", WORD) || this.#take("number", NUMBER)) return;
    const text = PUNCTUATION.find((mark) => this.#source.startsWith(mark, this.#at)) ?? c;
    if (text === "{") this.#braces++;
    if (text === "}") this.#braces--;
    this.#push("punctuation", text);
  }

  /** After the opening backquote or the end of a substitution: text up to the next substitution or the end. */
  #template(): void {
    this.#take("template", TEMPLATE);
    if (this.#source.startsWith("${", this.#at)) {
      this.#substitutions.push(this.#braces);
      this.#push("punctuation", "${");
    } else if (this.#at < this.#source.length) {
      this.#push("template", "`");
    }
  }

  #regexMayStart(): boolean {
    const last = this.#last;
    if (last === undefined) return true;
    if (last.kind === "word") return BEFORE_REGEX.has(last.text);
    return last.kind === "punctuation" && !")]}".includes(last.text);
  }

  #take(kind: TokenKind, pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    if (text === undefined || text === "") return false;
    this.#push(kind, text);
    return true;
  }

  #push(kind: TokenKind, text: string): void {
    const token: Token = { kind, text, line: this.#line };
    this.#tokens.push(token);
    if (kind !== "comment") this.#last = token;
    for (const c of text) if (c === "\n") this.#line++;
    this.#at += text.length;
  }
}
