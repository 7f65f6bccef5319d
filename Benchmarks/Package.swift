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
    ]
)
