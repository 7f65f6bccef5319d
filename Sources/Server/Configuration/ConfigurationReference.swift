/// The reference of all keys, made from their table: what `ito config reference` prints and `docs/configuration.md` holds.
public enum ConfigurationReference {
    /// All keys in the order of the reference.
    public static var keys: [ConfigurationKey] { ConfigurationSchema.keys }

    /// The reference as Markdown.
    public static var markdown: String {
        var lines = [introduction]
        var section = ""
        for key in keys {
            let heading = Self.heading(of: key)
            if heading != section {
                section = heading
                lines += ["", "## \(heading)", "", "| key | value | default | what for |", "| --- | --- | --- | --- |"]
            }
            lines.append(row(key))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let introduction = """
        # Configuration

        <!-- Made by `ito config reference`: change the table in Sources/Server/Configuration/Keys, not this file. -->

        Nothing has to be configured: `ito serve` alone listens on loopback and serves the domain `localhost`. What is set is
        taken, in this order, from the options of the command line, the environment, the file named with `--config`, and the
        defaults below.

        ```yaml
        domains:
          - example.com                  # a name alone, or a mapping:
          - name: example.net
            realm: office
            aliases: [192.0.2.7]
        listeners:
          - udp://0.0.0.0:5060
          - url: tcp://0.0.0.0:5060
            advertise: 203.0.113.7
        registrar:
          maximum-expires: 1h
        ```

        The environment variable of a key is its name in capitals after `ITO_`, with underscores: `ITO_REGISTRAR_MAXIMUM_EXPIRES`.
        Lists have commas there: `ITO_DOMAINS=example.com,example.net`.

        Durations are written with a unit: `500ms`, `1.5s`, `5min`, `1h`, `1d`. Sizes too: `1300B`, `64KiB`, `1MiB`.

        Unknown keys, wrong values and keys given twice are refused with their line: `ito config check FILE` shows them all. After
        SIGHUP the server reads the file again, takes over what can change while it runs, and says what cannot: keys marked with
        ↻ need a restart.
        """

    private static func heading(of key: ConfigurationKey) -> String {
        let first = key.name.prefix { $0 != "." && $0 != "[" }
        return first == "data-folder" ? "general" : String(first)
    }

    private static func row(_ key: ConfigurationKey) -> String {
        let value = [key.kind, key.allowed].filter { !$0.isEmpty }.joined(separator: ": ")
        let source = key.source.isEmpty ? "" : " (\(key.source))"
        let mark = key.effect == .restart ? " ↻" : ""
        let cells = ["`\(key.name)`\(mark)", value, key.defaultText, key.documentation + source]
        return "| \(cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ")) |"
    }
}
