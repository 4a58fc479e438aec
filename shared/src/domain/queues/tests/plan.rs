//! What a batch reserves before it places anything.

use super::*;

/// Plans and reserves until nothing is to be reserved; the writes by queue.
fn reserve_ahead(queues: &mut Queues, dispensers: &mut [Dispenser], batch: &[&Route]) -> Vec<u8> {
    let mut writes = Vec::new();
    loop {
        let places = queues.to_reserve(batch.iter().copied(), NOW);
        if places.is_empty() {
            return writes;
        }
        for (id, contacts) in places {
            let number = id.as_str()[2..].parse::<u8>().unwrap();
            let ask = queues.ask(&id, contacts, NOW).unwrap();
            let up_to = dispensers[usize::from(number) - 1].reserve(ask.places);
            queues.grant(&id, ask, up_to);
            writes.push(number);
        }
        assert!(writes.len() < 20, "it ends");
    }
}

fn of_rooms(rooms: &[u64]) -> (Queues, Vec<Dispenser>) {
    let mut queues = nothing_known(SCARCE);
    for (index, room) in rooms.iter().enumerate() {
        let health = Some(health(100 - room, 100, Duration::ZERO));
        queues.learn(numbered(u8::try_from(index).unwrap() + 1), Queue::new(health, None));
    }
    (queues, rooms.iter().map(|_| Dispenser::default()).collect())
}

#[test]
fn a_batch_writes_once_to_each_nearly_full_queue_and_asks_for_no_more_than_it_needs() {
    let routes = routes(&[&[1, 2], &[2, 3], &[3]]);
    let routes: Vec<_> = routes.iter().collect();
    let batch = [routes[0], routes[0], routes[0], routes[1], routes[2]];
    let (mut queues, mut dispensers) = of_rooms(&[50, 50, 50]);
    assert_eq!(reserve_ahead(&mut queues, &mut dispensers, &batch), [1, 2, 3]);
    assert_eq!(dispensers.iter().map(|one| one.reserved).collect::<Vec<_>>(), [3, 1, 1]);
    assert!(reserve_ahead(&mut queues, &mut dispensers, &batch).is_empty(), "what is in hand is not asked for again");
}

#[test]
fn what_others_took_since_sends_a_batch_to_its_fallbacks_and_still_writes_once_to_each() {
    let routes = routes(&[&[1, 2], &[2, 3], &[3]]);
    let routes: Vec<_> = routes.iter().collect();
    let batch = [routes[0], routes[0], routes[0], routes[1], routes[2]];
    let (mut queues, mut dispensers) = of_rooms(&[50, 50, 50]);
    dispensers[0].reserve(48);
    dispensers[1].reserve(50);
    assert_eq!(reserve_ahead(&mut queues, &mut dispensers, &batch), [1, 2, 3]);
    assert_eq!(dispensers.iter().map(|one| one.reserved).collect::<Vec<_>>(), [51, 52, 2]);
    assert_eq!([1, 2, 3].map(|number| (0..9).filter(|_| queues.place(&numbered(number), NOW)).count()), [2, 0, 2]);
}

#[test]
fn queues_that_are_each_others_fallbacks_are_planned_too() {
    let routes = routes(&[&[1, 2], &[2, 1]]);
    let batch = routes.iter().collect::<Vec<_>>().repeat(5);
    let (mut queues, mut dispensers) = of_rooms(&[50, 50]);
    dispensers[0].reserve(50);
    assert_eq!(reserve_ahead(&mut queues, &mut dispensers, &batch), [1, 2]);
    assert_eq!(dispensers[1].reserved, 10);
}

#[test]
fn where_there_is_plenty_of_room_or_none_nothing_is_reserved() {
    let routes = routes(&[&[1, 2]]);
    let batch = routes.iter().collect::<Vec<_>>().repeat(5);
    let (mut queues, mut dispensers) = of_rooms(&[50, 50]);
    queues.begin(PLENTY, NOW);
    assert!(reserve_ahead(&mut queues, &mut dispensers, &batch).is_empty());
    let (mut queues, mut dispensers) = of_rooms(&[0, 0]);
    assert!(reserve_ahead(&mut queues, &mut dispensers, &batch).is_empty());
}
