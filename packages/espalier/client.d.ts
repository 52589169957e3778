// Models that no build has seen yet: imports type-check, names and shapes are not known.

declare module '*.onnx' {
  const model: import('espalier').Model;
  export default model;
}

declare module '*.tflite' {
  const model: import('espalier').Model;
  export default model;
}
