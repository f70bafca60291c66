// Types of marked.mjs: the lexer alone. The parser and renderer are left out, so no HTML string is ever made.

export interface Token {
  type: string;
  raw: string;
  text?: string;
  href?: string;
  title?: string | null;
  lang?: string;
  depth?: number;
  ordered?: boolean;
  start?: number | '';
  task?: boolean;
  checked?: boolean;
  escaped?: boolean;
  tokens?: Token[];
  items?: Token[];
}

export function lexer(source: string, options?: { gfm?: boolean; breaks?: boolean }): Token[];
