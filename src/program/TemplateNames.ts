/**
 * The variables of a template, read from the type of its literal, and what the compiler says of a literal that is none.
 */

/** What can stand for a variable: it is written as `String` writes it. Anything else is formatted by the caller. */
export type Value = string | number | boolean

type Space = " " | "\t" | "\r" | "\n"

type Trim<S extends string> = S extends `${Space}${infer Rest}`
  ? Trim<Rest>
  : S extends `${infer Rest}${Space}`
    ? Trim<Rest>
    : S

/** The names between `{{` and `}}` in a literal, as a union; `never` where there are none. */
export type Names<
  Source extends string,
  Found extends string = never
> = Source extends `${string}{{${infer Tag}}}${infer Rest}` ? Names<Rest, Found | Trim<Tag>> : Found

/** No name has these in it: in files they are what makes a tag something else than a variable. */
type Forbidden = Space | "{" | "}" | "." | "#" | "^" | "/" | ">" | "!" | "&" | "="

type Problem<Source extends string> = Source extends `${string}{{${infer Tag}}}${infer Rest}`
  ? Trim<Tag> extends "" | `${string}${Forbidden}${string}`
    ? `{{${Tag}}} is no variable such as {{name}}: sections, partials and comments need Template.parse or Template.load`
    : Problem<Rest>
  : Source extends `${string}{{${string}`
    ? "a tag is not closed: {{ needs its }}"
    : never

/**
 * The literal itself if it is a template; else a type that nothing fits, whose words the compiler shows. A `string` that is
 * no literal, or one with `${…}` in it, would make what it holds part of the template.
 */
export type Checked<Source extends string> =
  {} extends Record<Source, unknown>
    ? "a template is a literal, so that its variables are known: use Template.parse or Template.load with a Schema for any other text, and {{name}} instead of ${name}"
    : [Problem<Source>] extends [never]
      ? Source
      : Problem<Source>

/** What `render` takes: nothing, where there is nothing to give. */
export type Arguments<Variables> = [keyof Variables] extends [never]
  ? [variables?: { readonly [name: string]: never }]
  : {} extends Variables
    ? [variables?: Variables]
    : [variables: Variables]
