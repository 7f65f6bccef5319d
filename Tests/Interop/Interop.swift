import Testing

/// Calls through the real `ito`, with programs that no one here wrote.
///
/// One after the other: sound is sent in real time, and the machine's load would be heard.
@Suite(.serialized) enum Interop {}
