//! What `CloudFormation` calls a resource that a template gives no name, by the code that it publishes for the
//! providers of resource types (`generate_resource_identifier` of `cloudformation-cli-python-plugin`).

/// What stands for the random part.
const RANDOM: &str = "1A2B3C4D5E6F";
/// The random part, and the dashes around the logical id.
const OVERHEAD: usize = 14;

/// The names that a resource may get: most types begin theirs with the stack's name, some with the logical id. Both
/// are cut where they are longer than the service takes.
pub fn physical_names(stack: &str, logical_id: &str, longest: usize) -> [String; 2] {
    let room = longest.saturating_sub(OVERHEAD);
    let half = room / 2;
    // Each has a half for sure, and what the other doesn't need of its own.
    let stack_part = stack.len().min(half.max(room.saturating_sub(logical_id.len())));
    let id_part = logical_id.len().min(half.max(room.saturating_sub(stack.len())));
    let (stack, id) = (&stack[..stack_part], &logical_id[..id_part]);
    [format!("{stack}-{id}-{RANDOM}"), format!("{id}-{RANDOM}")]
}

/// How much of a stack's name the names of its resources begin with at least, whatever their logical ids.
pub fn shortest_stack_part(longest: usize) -> usize {
    longest.saturating_sub(OVERHEAD) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_is_whole_and_one_that_does_not_keeps_half_of_each_part() {
        let role = |stack: &str, id: &str| physical_names(stack, id, 64)[0].clone();
        assert_eq!(role("contact-injection", "InjectRole"), "contact-injection-InjectRole-1A2B3C4D5E6F");
        let cut = role("contact-injection-production", "SyncFunctionAttributeSchemaRole");
        assert_eq!(cut, "contact-injection-product-SyncFunctionAttributeSche-1A2B3C4D5E6F");
        assert_eq!(cut.len(), 64);
        let long = "s".repeat(128);
        assert_eq!(role(&long, "InjectRole"), format!("{}-InjectRole-1A2B3C4D5E6F", "s".repeat(40)));
        assert_eq!(role(&long, &"i".repeat(40)).len(), 64);
        assert_eq!(shortest_stack_part(64), 25);
    }

    #[test]
    fn some_names_have_nothing_of_the_stack() {
        assert_eq!(physical_names("stack", "InjectSecret", 512)[1], "InjectSecret-1A2B3C4D5E6F");
    }
}
