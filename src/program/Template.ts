/**
 * Prompts with variables, which the compiler knows: what is missing or too much does not compile.
 *
 * A value is never read as part of a template: `{{name}}`, tags and the marks of roles in it stay text. To write `{{` itself,
 * give it as a value.
 */
export { dedent } from "./Dedent.js"
export { assistant, chat, type ChatTemplate, message, type MessageTemplate, system, user } from "./TemplateChat.js"
export { Kind, Problem, TemplateError } from "./TemplateError.js"
export { load, type LoadOptions, parse, type ParseOptions } from "./TemplateFile.js"
export { make, type Template, unsafeMake } from "./TemplateLiteral.js"
export type { Arguments, Checked, Names, Value } from "./TemplateNames.js"
