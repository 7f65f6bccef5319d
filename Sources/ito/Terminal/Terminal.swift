import Glibc

/// What the commands say to a person or a script.
enum Terminal {
    /// Whether a person looks at standard output.
    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether a person looks at standard error.
    static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes a line to standard output at once, also into a pipe.
    static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// Writes an error and what to do about it to standard error.
    static func complain(_ reason: String, remedy: String = "") {
        write("ito: \(reason)\n" + (remedy.isEmpty ? "" : "     \(remedy)\n"), to: STDERR_FILENO)
    }

    /// Replaces the last line of progress; silent unless on a terminal.
    static func progress(_ line: String) {
        guard showsProgress else { return }
        write("\r\u{1B}[K" + line, to: STDERR_FILENO)
    }

    /// Writes text as it is.
    static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
