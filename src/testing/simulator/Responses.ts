/** The Responses API: `/v1/responses` of OpenAI, and the same on Azure's v1 surface. */
import { at, azureOpenAi, inBody } from "./AzureOpenAi.js"
import { openAi } from "./OpenAi.js"
import { responses } from "./ResponsesAnswer.js"
import * as ResponsesError from "./ResponsesError.js"
import { record } from "./ResponsesEvent.js"
import type { Wire } from "./Wire.js"

export const openAiResponses: Wire = {
  ...openAi,
  name: "openai-responses",
  routes: [
    {
      method: "POST",
      path: /^\/v1\/responses$/,
      peek: (call) => ({ model: inBody(call) ?? "", stream: record(call.json)["stream"] === true }),
      handle: responses
    }
  ],
  errorFrame: ResponsesError.frame
}

export const azureResponses: Wire = {
  ...azureOpenAi,
  name: "azure-responses",
  routes: [at(/^\/openai\/v1\/responses$/, inBody, false, responses)],
  errorFrame: ResponsesError.frame
}
