// Imported for its effect, before onnxruntime: since 1.29 that reports every session to its maker, and keeps an identifier of the device and a
// database of what it has not yet sent in the home folder, unless this is set before its library is loaded (microsoft/onnxruntime#27379).
// It is the process's environment that counts, which only the main thread can set: so whoever starts worker threads imports this too.
process.env.ORT_DISABLE_TELEMETRY = '1';
