// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "benchmarks",
    dependencies: [
        .package(name: "itodenwa", path: "..")
    ],
    targets: [
        .target(name: "CBareEcho"),
        .executableTarget(
            name: "ReactorBenchmark",
            dependencies: ["CBareEcho", .product(name: "Reactor", package: "itodenwa")],
            swiftSettings: settings),
        .target(name: "CWireTap"),
        .executableTarget(
            name: "PacingBenchmark",
            dependencies: ["CWireTap", .product(name: "TestKit", package: "itodenwa")],
            swiftSettings: settings),
        .target(name: "AllocationCounter"),
        // Without Foundation nobody else brings the functions that round.
        .target(
            name: "Measuring", dependencies: ["AllocationCounter"], swiftSettings: settings,
            linkerSettings: [.linkedLibrary("m")]),
        .executableTarget(
            name: "ParserBenchmark",
            dependencies: ["Measuring", .product(name: "SIP", package: "itodenwa")],
            swiftSettings: settings),
        .executableTarget(
            name: "SRTPBenchmark",
            dependencies: ["Measuring", .product(name: "SRTP", package: "itodenwa")],
            swiftSettings: settings),
        .executableTarget(
            name: "MediaBenchmark",
            dependencies: [
                "AllocationCounter", .product(name: "Media", package: "itodenwa"),
                .product(name: "RTP", package: "itodenwa"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "DelayBenchmark",
            dependencies: [
                .product(name: "UserAgent", package: "itodenwa"), .product(name: "Media", package: "itodenwa"),
                .product(name: "Reactor", package: "itodenwa"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "QualityBenchmark",
            dependencies: [.product(name: "Media", package: "itodenwa"), .product(name: "RTP", package: "itodenwa")],
            swiftSettings: settings),
        .executableTarget(
            name: "RegistrarBenchmark",
            dependencies: [
                .product(name: "Registrar", package: "itodenwa"), .product(name: "Routing", package: "itodenwa"),
                .product(name: "SIPEndpoint", package: "itodenwa"), .product(name: "Reactor", package: "itodenwa"),
                .product(name: "SIP", package: "itodenwa"),
            ],
            swiftSettings: settings),
    ]
)
