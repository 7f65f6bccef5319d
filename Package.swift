// swift-tools-version: 6.2

import PackageDescription

/// Every target is compiled in the Swift 6 mode with the same upcoming features; CI adds warnings as errors.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// `script/test` sets `ITODENWA_STRICT`: warnings in our own targets, and in no package's, are then errors.
let warnings: [SwiftSetting] = Context.environment["ITODENWA_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// A library target, with the same settings as all others, and the system libraries that it links.
func module(_ name: String, _ dependencies: [Target.Dependency] = [], links: [String] = []) -> Target {
    .target(
        name: name, dependencies: dependencies, swiftSettings: settings + warnings,
        linkerSettings: links.map { .linkedLibrary($0, .when(platforms: [.linux])) })
}

/// The unit tests of a target.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: settings + warnings)
}

/// The programs of `Examples`, which is a package of its own for its readers; `script/test` builds them with all else.
func examples(_ programs: KeyValuePairs<String, [Target.Dependency]>) -> [Target] {
    guard Context.environment["ITODENWA_STRICT"] != nil else { return [] }
    return programs.map { name, libraries in
        .executableTarget(
            name: name, dependencies: libraries, path: "Examples/Sources/\(name)",
            swiftSettings: [.swiftLanguageMode(.v6)])
    }
}

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let metrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")

let package = Package(
    name: "itodenwa",
    products: [
        .library(name: "SIP", targets: ["SIP"]),
        .library(name: "SDP", targets: ["SDP"]),
        .library(name: "RTP", targets: ["RTP"]),
        .library(name: "ICE", targets: ["ICE"]),
        .library(name: "SRTP", targets: ["SRTP"]),
        .library(name: "Reactor", targets: ["Reactor"]),
        .library(name: "Routing", targets: ["Routing"]),
        .library(name: "Registrar", targets: ["Registrar"]),
        .library(name: "Proxy", targets: ["Proxy"]),
        .library(name: "Relay", targets: ["Relay"]),
        .library(name: "UserAgent", targets: ["UserAgent"]),
        .library(name: "Toolkit", targets: ["Toolkit"]),
        .library(name: "SIPEndpoint", targets: ["SIPEndpoint"]),
        .library(name: "Media", targets: ["Media"]),
        .library(name: "TestKit", targets: ["TestKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
    ],
    targets: [
        // Protocols: bytes and values, no input or output.
        module("SIP"),
        module("SDP"),
        // Rounding of numbers is in the library of mathematics.
        module("RTP", links: ["m"]),
        module("ICE"),
        // Secure media: keys and packets, also without input or output, on the primitives of OpenSSL.
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        module("SRTP", ["RTP", "COpenSSL"]),
        // The ground: lanes, sockets, media, records.
        .target(name: "CLinux"),
        .systemLibrary(name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        module(
            "Reactor",
            ["CLinux", "CAres", nioCore, nioPosix, nioHTTP1, nioWebSocket, nioTLS, nioSSL, x509, asn1, crypto]),
        .systemLibrary(name: "COpus", pkgConfig: "opus", providers: [.apt(["libopus-dev"])]),
        module("Media", ["SDP", "RTP", "SRTP", "ICE", "Reactor", "COpus", crypto]),
        module("SIPEndpoint", ["SIP", "ICE", "Reactor"]),
        module("Store", [grdb, .product(name: "GRDBSQLite", package: "GRDB.swift"), crypto]),
        // Roles: they meet through the interfaces of Routing.
        module("Routing", ["SIP", "SIPEndpoint", "Reactor"]),
        module("Registrar", ["SIP", "SIPEndpoint", "Routing", "Reactor"]),
        module("Proxy", ["SIP", "SIPEndpoint", "Routing", "Reactor"]),
        module("Relay", ["SIP", "SDP", "RTP", "SRTP", "ICE", "Media", "SIPEndpoint", "Routing", "Reactor", crypto]),
        module("UserAgent", ["SIP", "SDP", "RTP", "ICE", "SRTP", "Media", "Reactor", "SIPEndpoint", crypto, metrics]),
        module("Toolkit", ["SIP", "Reactor"]),
        // The composition root and the executable.
        module(
            "Server",
            [
                "SIP", "SDP", "RTP", "ICE", "Media", "Reactor", "SIPEndpoint", "Store", "Routing", "Registrar", "Proxy",
                "Relay", "UserAgent", crypto, x509, asn1, nioCore, nioPosix, nioHTTP1, nioSSL,
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "ito",
            dependencies: [
                "Server", "UserAgent", "Toolkit", "Store", "SIP", "SIPEndpoint", "Reactor", "Media", "RTP", "SRTP",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], swiftSettings: settings + warnings),
        // Ours and users' tests.
        module("TestKit", ["SIP", "SIPEndpoint", "Reactor", "Media", x509, asn1, crypto]),
        tests("SIP", ["TestKit"]),
        tests("SDP"),
        tests("RTP"),
        tests("ICE", [crypto]),
        // Counts what a thread allocates, and moves the clock that OpenSSL sees.
        .target(name: "CProbe", path: "Tests/CProbe"),
        tests("SRTP", ["CProbe"]),
        tests("Reactor", ["TestKit"]),
        tests("Media", ["RTP", "SRTP", "CProbe"]),
        tests("SIPEndpoint", ["TestKit", "SIP", "ICE", "Reactor"]),
        tests("Store", [grdb]),
        tests("Routing", ["SIP"]),
        tests("Proxy", ["TestKit", "SIP", "SIPEndpoint", "Reactor"]),
        tests(
            "Relay",
            [
                "TestKit", "SIP", "SDP", "SRTP", "ICE", "Media", "SIPEndpoint", "Routing", "Reactor", "CProbe",
            ]),
        tests("Registrar", ["TestKit", "SIP", "SIPEndpoint", "Routing", "Reactor"]),
        tests(
            "UserAgent",
            [
                "TestKit", "SIP", "SDP", "RTP", "ICE", "SRTP", "SIPEndpoint", "Media", "Reactor", "Server", "Proxy",
                "Registrar", "Routing", crypto, .product(name: "MetricsTestKit", package: "swift-metrics"),
            ]),
        tests(
            "Server",
            [
                "Proxy", "Registrar", "Routing", "Store", "TestKit", "Reactor", "Relay", "SIP", "SIPEndpoint",
                "UserAgent", "Media", crypto, grdb, nioCore, nioPosix, nioHTTP1,
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests("TestKit", ["Reactor"]),
        // The executable among programs that no one here wrote.
        .testTarget(
            name: "InteropTests",
            dependencies: [
                "TestKit", "Media", "RTP", "SRTP", "ito", "Server", "UserAgent", "SIP", "SIPEndpoint", "ICE", "Relay",
                "Routing", "Reactor", crypto,
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Interop", exclude: ["Kamailio", "Scenarios", "Tools", "WebRTC/page.html", "WebRTC/page.js"],
            swiftSettings: settings + warnings),
    ]
        + examples([
            "AnsweringMachine": ["UserAgent", "Media"], "BackToBack": ["UserAgent", "SIP"],
            "CallSomebody": ["UserAgent", "Media"],
            "Notifier": ["UserAgent"], "ReadTrace": ["SIP"], "StatelessRedirect": ["SIP", "SIPEndpoint", "Reactor"],
            "TimeServer": ["UserAgent", "Media"],
        ])
)
