//! What can be read.

use super::*;

#[test]
fn activity_is_listed_filtered_paged_and_projected() {
    let mut bench = Bench::new(config());
    let all = bench.get("/skills/activity").json_body();
    assert_eq!((all["totalRecords"].as_u64(), all["skillActivity"].as_array().unwrap().len()), (Some(2), 2));
    let row = &all["skillActivity"][0];
    assert_eq!((&row["skillId"], &row["queueCount"], &row["isActive"]), (&json!(4012), &json!(3), &json!(true)));
    let phone = bench.get("/skills/activity?mediaTypeId=4&fields=skillId,isActive").json_body();
    assert_eq!(phone["skillActivity"], json!([{"skillId": 4013, "isActive": false}]));
    let second = bench.get("/skills/activity?skip=1&top=1").json_body();
    assert_eq!((&second["skillActivity"][0]["skillId"], &second["totalRecords"]), (&json!(4013), &json!(2)));
}

#[test]
fn activity_of_one_skill_has_either_shape_and_no_skill_is_404() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.get("/skills/4013/activity").json_body()["skillActivity"][0]["isActive"], false);
    assert_eq!(bench.get("/skills/4014/activity").status, 404);
    bench.tenant.config_mut().activity_shape = ActivityShape::ResultSet;
    let wrapped = bench.get("/skills/4012/activity").json_body();
    assert_eq!(wrapped["resultSet"]["skillActivity"][0]["queueCount"], 3);
}

#[test]
fn a_point_of_contact_shows_its_code_description_script_and_skill() {
    let mut settings = config();
    let guid = uuid::Uuid::from_u128(9);
    settings.points_of_contact[0].address = Some(guid);
    let body = Bench::new(settings).get("/points-of-contact").json_body();
    let point = &body["pointsOfContact"][0];
    assert_eq!((&point["contactCode"], &point["contactDescription"]), (&json!(123_456), &json!("Orders")));
    assert_eq!((&point["contactAddress"], &point["defaultSkillId"]), (&json!(guid), &json!(4012)));
    assert_eq!(point["scriptName"], "Scripts\\Orders");
}

#[test]
fn a_contact_moves_from_the_active_to_the_completed() {
    let mut bench = Bench::new(config());
    for (key, from) in [("a", "+15550100001"), ("b", "+15550100002")] {
        let mut request = item(key);
        request["from"] = json!(from);
        bench.post(&request);
    }
    let id = bench.tenant.creations()[0].contact_id;
    let filtered = bench.get("/contacts/active?skillId=4012&mediaTypeId=6&fromAddress=%2B15550100002").json_body();
    assert_eq!((&filtered["totalRecords"], filtered["activeContacts"].as_array().unwrap().len()), (&json!(1), 1));
    assert_eq!(bench.get("/contacts/active?skillId=4013").json_body()["activeContacts"], json!([]));
    bench.now_ms += 60_000;
    assert_eq!(bench.get(&format!("/contacts/{id}")).json_body()["contactId"]["stateName"], "In Queue");
    bench.tenant.complete(4012, 1);
    let completed = bench.get("/contacts/completed").json_body();
    assert_eq!(completed["completedContacts"][0]["contactId"], json!(id));
    let contact = bench.get(&format!("/contacts/{id}")).json_body()["contactId"].clone();
    assert_eq!((&contact["abandoned"], &contact["inQueueSeconds"]), (&json!(false), &json!(60)));
    assert_eq!(bench.get("/contacts/1").status, 404);
}

#[test]
fn a_parameter_that_nothing_acts_on_is_refused() {
    let mut bench = Bench::new(config());
    for path in
        ["/contacts/active?fromAddr=1", "/skills/activity?updatedSince=1", "/server-time?x", "/skills/1/activity?top=1"]
    {
        assert_eq!(bench.get(path).status, 400, "{path}");
    }
    assert_eq!(bench.broken(), [Rule::UnknownParameter; 4]);
    assert_eq!(bench.get("/skills/activity?top=all").status, 400);
    assert_eq!(bench.broken(), [Rule::WrongParameter]);
}

#[test]
fn the_business_unit_shows_its_port_limit() {
    let mut bench = Bench::new(Config { port_limit: Some(50), ..config() });
    let unit = bench.get("/business-unit?fields=businessUnitId,concurrentPortLimit").json_body();
    assert_eq!(unit["businessUnits"], json!([{"businessUnitId": 4_400_001, "concurrentPortLimit": 50}]));
}
