export * as HttpProvider from "./HttpProvider.js"
export * as OpenAi from "./OpenAi.js"
