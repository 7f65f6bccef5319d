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

/// A library target, with the same settings as all others.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The unit tests of a target.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: settings)
}

let package = Package(
    name: "itodenwa",
    products: [
        .library(name: "SIP", targets: ["SIP"]),
        .library(name: "Reactor", targets: ["Reactor"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    ],
    targets: [
        .target(name: "CLinux"),
        module(
            "Reactor",
            [
                "CLinux", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        tests("Reactor"),
        module("SIP"),
        module("SIPEndpoint", ["SIP", "Reactor"]),
        module("Routing", ["SIP", "SIPEndpoint", "Reactor"]),
        module("Registrar", ["SIP", "SIPEndpoint", "Routing", "Reactor"]),
        tests("SIP"),
        tests("Registrar", ["SIP", "SIPEndpoint", "Routing", "Reactor"]),
    ]
)
