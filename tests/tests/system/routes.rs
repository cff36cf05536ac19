//! The cloud's routes and `openapi.yaml` name the same operations.

use std::collections::BTreeSet;

use belay_cloud::routes::ROUTES;
use belay_tests::openapi::Contract;

#[test]
fn every_route_has_an_operation_and_every_operation_a_route() {
    let routes: BTreeSet<(String, String)> = ROUTES
        .iter()
        .map(|route| (route.method.to_ascii_uppercase(), route.path.to_owned()))
        .collect();
    let operations = Contract::ours().unwrap().operations();
    let only_routes: Vec<_> = routes.difference(&operations).collect();
    let only_operations: Vec<_> = operations.difference(&routes).collect();
    assert!(
        only_routes.is_empty(),
        "routes without an operation: {only_routes:?}"
    );
    assert!(
        only_operations.is_empty(),
        "operations without a route: {only_operations:?}"
    );
}
