// Switches the telemetry of onnxruntime off. Import it for its effect, before onnxruntime: since version 1.29 the library reports every
// session to its maker, and keeps an identifier of the device and a database of unsent reports in the home folder, unless this variable
// is set before the library is loaded (microsoft/onnxruntime#27379). The library reads the environment of the process, which only the
// main thread can change: files that start worker threads import this as well.
process.env.ORT_DISABLE_TELEMETRY = '1';
