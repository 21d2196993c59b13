/** What a pure file may not name, with the word for it in a finding. */
export const impure: readonly (readonly [pattern: RegExp, word: string])[] = [
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\b/, "the clock"],
  [/\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/, "a timer"],
  [
    /\bMath\.random\b|\brandom(?:Bytes|UUID|Int|Fill|FillSync)\b|\bgetRandomValues\b|\bgenerateKey\w*/,
    "chance",
  ],
  [/\bprocess\.|\bconsole\.|\bglobalThis\b/, "the process"],
  [/\bfetch\(|\bWebSocket\b/, "the network"],
];
