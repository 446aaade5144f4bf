(function () {
  var box = document.getElementById("search"), rows = document.querySelectorAll("#bad tbody tr"), told = document.getElementById("told");
  if (!box) return;
  box.hidden = false;
  box.addEventListener("input", function () {
    var wanted = box.value.trim().toLowerCase(), shown = 0;
    rows.forEach(function (row) {
      row.hidden = wanted !== "" && row.textContent.toLowerCase().indexOf(wanted) < 0;
      if (!row.hidden) shown += 1;
    });
    told.textContent = wanted ? shown + " match" : "";
  });
})();
